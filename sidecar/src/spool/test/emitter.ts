// One life of a host that only emits: numbered notes and samples as fast as it can, told on stdout when they are safe.
import { randomUUID } from "node:crypto"
import { BootId, HostId, InstanceId } from "@boocontrol/shared/ids"
import { inboxPrefixOf } from "@boocontrol/shared/subjects"
import { instantOf } from "@boocontrol/shared/time"
import { systemClock } from "../../platform/clock.ts"
import { natsLink } from "../../platform/nats.ts"
import { createPublisher } from "../../publish/publisher.ts"
import { diskSpool } from "../disk.ts"
import { folderFiles } from "../files.ts"

const [, , url = "", folder = "", name = "", most = "0"] = process.argv
const host = HostId.parse(name)
const boot = BootId.parse(randomUUID())
const clock = systemClock()
const log = { info: () => {}, warn: () => {} }
const link = natsLink({
  ...{ servers: [url], credsFile: null, name, inboxPrefix: inboxPrefixOf(host), clock, log },
})
const spool = diskSpool({ files: folderFiles(folder), maxBytes: 64 * 1024 * 1024, clock, log })
const publisher = createPublisher({
  ...{ host, boot, instance: InstanceId.parse(randomUUID()), clock, log, link, spool },
  onSpoolProblem: () => {},
})
link.onChange((connected) => (connected ? publisher.open() : publisher.close()))
publisher.start()
link.start()

let made = 0
function emit(): void {
  if (made >= Number(most)) return
  for (let burst = 0; burst < 5; burst += 1) {
    made += 1
    const number = made
    const data =
      number % 3 === 0
        ? publisher.durable("perf", { samples: [] })
        : publisher.durable("note", {
            note: "test",
            ts: instantOf(clock.now()),
            detail: { number, pad: "x".repeat(number % 900) },
          })
    void data.then(() => process.stdout.write(`${boot} ${number}\n`))
  }
  clock.setTimeout(emit, 2)
}
emit()
process.stdin.resume().on("end", () => process.exit(0))
