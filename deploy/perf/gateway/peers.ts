import { execFileSync, spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { randomBytes } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { freePort } from "../../local/src/free-port.ts"

export interface Peer {
  readonly name: string
  readonly port: number
  readonly pid: number
  readonly headers: Record<string, string>
  stop(): void
}

export interface PeerKind {
  readonly name: string
  start(upstreamPort: number): Promise<Peer>
}

const FASTIFY = `
import Fastify from "fastify"
import proxy from "@fastify/http-proxy"
const app = Fastify({ bodyLimit: 100e6 })
app.register(proxy, { upstream: "http://127.0.0.1:" + process.argv[3], undici: { connections: 128, pipelining: 1 } })
await app.listen({ port: Number(process.argv[2]), host: "127.0.0.1" })
`

const GO = `package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
)

func main() {
	target, _ := url.Parse("http://127.0.0.1:" + os.Args[2])
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.FlushInterval = -1
	proxy.Transport = &http.Transport{MaxIdleConnsPerHost: 256}
	reads := len(os.Args) > 3
	http.ListenAndServe("127.0.0.1:"+os.Args[1], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if reads {
			body, _ := io.ReadAll(r.Body)
			var asked struct{ Model string \`json:"model"\` }
			json.Unmarshal(body, &asked)
			r.Header.Set("x-model", asked.Model)
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		proxy.ServeHTTP(w, r)
	}))
}
`

/** What there is to compare with on this machine. Everything is put into \`folder\`, nothing is installed. */
export function findPeers(folder: string, say: (line: string) => void): PeerKind[] {
  mkdirSync(folder, { recursive: true })
  const peers: PeerKind[] = []
  const attempt = (name: string, find: () => PeerKind[]): void => {
    try {
      peers.push(...find())
    } catch (error) {
      const why = (error instanceof Error ? error.message : String(error)).split("\n")[0]
      say(`${name} is not measured: ${why}`)
    }
  }
  peers.push(FLOOR)
  attempt("npm peers", () => npmPeers(folder))
  attempt("nginx", () => [nginxPeer(folder)])
  attempt("Go", () => goPeers(folder))
  attempt("LiteLLM", () => [liteLlmPeer(folder)])
  return peers
}

/** No peer but the limit: what is beyond it is the gateway's own. */
const FLOOR: PeerKind = {
  name: "Node and undici, nothing else",
  start: async (upstream) => {
    const port = await freePort("127.0.0.1", null)
    const args = [join(import.meta.dirname, "floor.ts"), String(port), String(upstream)]
    return running(FLOOR.name, spawn(process.execPath, args, { stdio: "ignore" }), { port })
  },
}

function npmPeers(folder: string): PeerKind[] {
  const packages = ["@portkey-ai/gateway@1.15.2", "@fastify/http-proxy@11", "fastify@5"]
  if (!existsSync(join(folder, "node_modules/@portkey-ai/gateway"))) {
    writeFileSync(join(folder, "package.json"), `{"private":true,"type":"module"}`)
    execFileSync("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", ...packages], {
      cwd: folder,
      stdio: "pipe",
    })
  }
  writeFileSync(join(folder, "fastify-proxy.mjs"), FASTIFY)
  const portkey = join(folder, "node_modules/@portkey-ai/gateway/build/start-server.js")
  return [
    {
      name: "Portkey 1.15.2",
      start: async (upstream) => {
        const port = await freePort("127.0.0.1", null)
        const env = { ...process.env, TRUSTED_CUSTOM_HOSTS: "127.0.0.1,localhost" }
        const child = spawn(process.execPath, [portkey, `--port=${port}`, "--headless"], {
          env,
          stdio: "ignore",
        })
        // Its streams fail under Node 24 whatever provider is named: it adds headers to a reply of fetch, which are fixed.
        const custom = `http://127.0.0.1:${upstream}/v1`
        const headers = {
          "x-portkey-provider": "openai",
          "x-portkey-custom-host": custom,
          authorization: "Bearer x",
        }
        return running("Portkey 1.15.2", child, { port, headers })
      },
    },
    {
      name: "@fastify/http-proxy",
      start: async (upstream) => {
        const port = await freePort("127.0.0.1", null)
        const args = [join(folder, "fastify-proxy.mjs"), String(port), String(upstream)]
        return running(
          "@fastify/http-proxy",
          spawn(process.execPath, args, { cwd: folder, stdio: "ignore" }),
          { port },
        )
      },
    },
  ]
}

function nginxPeer(folder: string): PeerKind {
  const binary = findNginx(folder)
  return {
    name: "nginx",
    start: async (upstream) => {
      const port = await freePort("127.0.0.1", null)
      const home = join(folder, `nginx-${port}`)
      mkdirSync(join(home, "logs"), { recursive: true })
      const config = `
daemon off; worker_processes 1; pid ${home}/pid; error_log ${home}/error.log; user root;
events { worker_connections 1024; }
http {
  access_log off; client_max_body_size 100m; client_body_buffer_size 1m; keepalive_requests 1000000;
  client_body_temp_path ${home}/b; proxy_temp_path ${home}/p; fastcgi_temp_path ${home}/f; uwsgi_temp_path ${home}/u; scgi_temp_path ${home}/s;
  upstream host { server 127.0.0.1:${upstream}; keepalive 256; keepalive_requests 1000000; }
  server { listen 127.0.0.1:${port};
    location / { proxy_pass http://host; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; } }
}`
      writeFileSync(join(home, "nginx.conf"), config)
      const child = spawn(binary, ["-c", join(home, "nginx.conf"), "-p", home], { stdio: "ignore" })
      return running("nginx", child, { port })
    },
  }
}

/** On PATH, or unpacked from Debian's own package into the scratch folder. */
function findNginx(folder: string): string {
  const onPath = (process.env.PATH ?? "").split(":").map((place) => join(place, "nginx"))
  const known = [...onPath, "/usr/sbin/nginx", join(folder, "nginx/usr/sbin/nginx")].find((path) =>
    existsSync(path),
  )
  if (known !== undefined) return known
  execFileSync("apt-get", ["download", "nginx"], { cwd: folder, stdio: "pipe" })
  const deb = readdirSync(folder).find((name) => /^nginx_.*\.deb$/.test(name)) ?? ""
  execFileSync("dpkg-deb", ["-x", deb, "nginx"], { cwd: folder, stdio: "pipe" })
  const unpacked = join(folder, "nginx/usr/sbin/nginx")
  execFileSync(unpacked, ["-v"], { stdio: "pipe" })
  return unpacked
}

function goPeers(folder: string): PeerKind[] {
  const home = join(folder, "go-proxy")
  const binary = join(home, "go-proxy")
  if (!existsSync(binary)) {
    mkdirSync(home, { recursive: true })
    writeFileSync(join(home, "main.go"), GO)
    const env = { ...process.env, GO111MODULE: "off", GOCACHE: join(home, "cache"), GOFLAGS: "" }
    execFileSync("go", ["build", "-o", binary, "main.go"], { cwd: home, env, stdio: "pipe" })
  }
  const kind = (name: string, more: string[]): PeerKind => ({
    name,
    start: async (upstream) => {
      const port = await freePort("127.0.0.1", null)
      const env = { ...process.env, GOMAXPROCS: "1" }
      const child = spawn(binary, [String(port), String(upstream), ...more], { env, stdio: "ignore" })
      return running(name, child, { port })
    },
  })
  return [kind("Go ReverseProxy", []), kind("Go ReverseProxy + encoding/json", ["read"])]
}

const LITELLM = "1.108.7"

/** From PyPI into an environment of its own in the scratch folder: three quarters of a gigabyte, some minutes. */
function liteLlmPeer(folder: string): PeerKind {
  const name = `LiteLLM ${LITELLM}`
  const home = join(folder, "litellm")
  const binary = join(home, "bin/litellm")
  if (!existsSync(binary)) {
    execFileSync("python3", ["-m", "venv", home], { stdio: "pipe" })
    execFileSync(join(home, "bin/pip"), ["install", "--quiet", `litellm[proxy]==${LITELLM}`], {
      stdio: "pipe",
    })
  }
  return {
    name,
    start: async (upstream) => {
      const port = await freePort("127.0.0.1", null)
      const config = join(home, `${port}.yaml`)
      const params = `{ model: openai/m, api_base: "http://127.0.0.1:${upstream}/v1", api_key: x }`
      writeFileSync(config, `model_list:\n  - { model_name: m, litellm_params: ${params} }\n`)
      const args = ["--config", config, "--host", "127.0.0.1", "--port", String(port), "--num_workers", "1"]
      // Without a key it does not start.
      const key = `sk-${randomBytes(16).toString("hex")}`
      const env = { ...process.env, LITELLM_LOG: "ERROR", LITELLM_MASTER_KEY: key }
      const child = spawn(binary, args, { cwd: home, env, stdio: "ignore" })
      return running(name, child, { port, headers: { authorization: `Bearer ${key}` } })
    },
  }
}

/** LiteLLM reads half a minute of Python before it listens. */
const STARTS_WITHIN_MS = 120_000

async function running(
  name: string,
  child: ChildProcess,
  { port, headers = {} }: { port: number; headers?: Record<string, string> },
): Promise<Peer> {
  const deadline = Date.now() + STARTS_WITHIN_MS
  while (
    !(await fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    ))
  ) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`${name} did not start`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return { name, port, pid: child.pid ?? 0, headers, stop: () => void child.kill("SIGTERM") }
}
