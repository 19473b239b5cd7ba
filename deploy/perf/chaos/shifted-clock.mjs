// Loaded into a sidecar before its own code: its wall clock differs from the machine's by what a file says.
import { readFileSync } from "node:fs"

const file = process.env.CHAOS_CLOCK_FILE
const realNow = Date.now.bind(Date)
const RealDate = Date
let offsetMs = 0

function read() {
  try {
    offsetMs = Number(readFileSync(file, "utf8")) || 0
  } catch {
    offsetMs = 0
  }
}

if (file) {
  read()
  setInterval(read, 200).unref()
  const now = () => realNow() + offsetMs
  globalThis.Date = class Date extends RealDate {
    constructor(...given) {
      if (given.length === 0) super(now())
      else super(...given)
    }
    static now() {
      return now()
    }
  }
}
