// Writes what it was given beside its spool, and runs until it is ended.
import { mkdirSync, writeFileSync } from "node:fs"

const spool = process.env.BOO_SPOOL_DIR ?? ""
mkdirSync(spool, { recursive: true })
writeFileSync(`${spool}/env.json`, JSON.stringify({ ...process.env, pid: process.pid }))
console.log(JSON.stringify({ level: 30, msg: "following" }))
process.stdin.resume()
