// Two simulated hosts that do nothing.
for (const host_id of ["sim-a", "sim-b"])
  console.log(
    JSON.stringify({
      host_id,
      name: host_id,
      llama_swap_url: "http://127.0.0.1:1",
      nvidia_smi: "/bin/true",
      env: { SIM: host_id },
    }),
  )
console.log(JSON.stringify({ ready: true }))
process.stdin.on("end", () => process.exit(0)).resume()
