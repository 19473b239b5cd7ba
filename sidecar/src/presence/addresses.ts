import { createSocket } from "node:dgram"
import { lookup } from "node:dns"
import { networkInterfaces } from "node:os"
import { namesThisMachine } from "@boocontrol/shared/this-machine"

// Any will do: no packet is sent.
const ANY_PORT = 9

/** The address this machine would use towards another; null where there is no way to it. */
export async function addressTowards(hostname: string): Promise<string | null> {
  const target = await resolve(hostname)
  if (!target) return null
  const socket = createSocket(target.family === 6 ? "udp6" : "udp4")
  try {
    return await new Promise<string | null>((done) => {
      socket.once("error", () => done(null))
      // A connected datagram socket is bound to the route's own address.
      socket.connect(ANY_PORT, target.address, () => done(socket.address().address))
    })
  } finally {
    socket.close()
  }
}

/** Whether a name is this machine. A name that cannot be resolved is not. */
export async function isThisMachine(hostname: string): Promise<boolean> {
  if (namesThisMachine(hostname)) return true
  const target = await resolve(hostname)
  if (!target) return false
  return Object.values(networkInterfaces()).some((list) =>
    list?.some(({ address }) => address === target.address),
  )
}

function resolve(hostname: string): Promise<{ address: string; family: number } | null> {
  return new Promise((done) => {
    lookup(hostname.replace(/^\[|\]$/g, ""), (error, address, family) =>
      done(error ? null : { address, family }),
    )
  })
}
