import type { Hub } from "../servers.ts"
import { pause } from "./fault.ts"
import type { ServerFault, World } from "./fault.ts"

function anyHub({ servers, random }: World): Hub {
  const [first, ...rest] = servers.hubs
  if (!first) throw new Error("there is no hub")
  return random.pick([first, ...rest])
}

export const SERVER_FAULTS: readonly ServerFault[] = [
  {
    name: "hub-kill",
    of: "hub",
    async apply(world) {
      const { unit } = anyHub(world)
      await unit.kill()
      await pause(world.random.between(0, 3_000))
      await unit.start()
    },
  },
  {
    name: "hub-freeze",
    of: "hub",
    apply: (world) => anyHub(world).unit.freeze(world.options.freezeMs),
  },
  {
    // Away for long enough that the other must do all of the work.
    name: "hub-failover",
    of: "hub",
    async apply(world) {
      const { unit } = anyHub(world)
      await unit.kill()
      await pause(world.random.between(8_000, 14_000))
      await unit.start()
    },
  },
  {
    name: "hub-nats-partition",
    of: "hub",
    async apply(world) {
      const { natsLink } = anyHub(world)
      natsLink.set(world.random.pick(["cut", "held", "lost"]))
      await pause(world.random.between(2_000, 12_000))
      natsLink.set("through")
    },
  },
  {
    name: "hub-postgres-partition",
    of: "hub",
    async apply(world) {
      const { databaseLink } = anyHub(world)
      databaseLink.set(world.random.pick(["cut", "held", "lost"]))
      // Longer than a hub keeps what it cannot store, now and then.
      await pause(world.random.between(2_000, 30_000))
      databaseLink.set("through")
    },
  },
  {
    // The hub waits for an answer on connections that will never give one, until it gives them up.
    name: "hub-postgres-forgotten",
    of: "hub",
    async apply(world) {
      anyHub(world).databaseLink.forget()
      await pause(1_000)
    },
  },
  {
    name: "nats-kill",
    of: "nats",
    async apply({ servers, random }) {
      await servers.nats.kill()
      await pause(random.between(0, 4_000))
      await servers.nats.start()
    },
  },
  {
    name: "nats-freeze",
    of: "nats",
    apply: ({ servers, options }) => servers.nats.freeze(options.freezeMs),
  },
  {
    name: "postgres-kill",
    of: "database",
    async apply({ servers, random }) {
      await servers.database.kill()
      await pause(random.between(0, 4_000))
      await servers.database.start()
    },
  },
  {
    name: "postgres-freeze",
    of: "database",
    apply: ({ servers, options }) => servers.database.freeze(options.freezeMs),
  },
]
