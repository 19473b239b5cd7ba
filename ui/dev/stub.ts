import { startStub } from "./stub-server.ts"

// node ui/dev/stub.ts [--port N] [--hosts N]: the built cockpit with an invented hub behind it.
const option = (name: string, otherwise: number) => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : Number(process.argv[at + 1])
}
const number = option("hosts", -1)
const stub = await startStub({ port: option("port", 9599), hosts: number < 0 ? "every-state" : number })
console.log(stub.url)
