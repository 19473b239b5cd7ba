import { createPrivateKey } from "node:crypto"
import { once } from "node:events"
import { createServer } from "node:https"
import type { Server } from "node:https"
import type { AddressInfo } from "node:net"
import { afterAll, beforeAll, expect, it } from "vitest"
import { OpenAiError } from "@boocontrol/shared/gateway"
import { pageOf } from "@boocontrol/shared/http"
import { RouteDispatch, RouteScores } from "@boocontrol/shared/routing"
import { newWorld, runHub } from "../../test/running-hub.ts"
import type { RunningHub, World } from "../../test/running-hub.ts"
import { brokenBy } from "./core/failures.ts"
import { fakeHost, json } from "./world-for-tests.ts"
import type { FakeHost } from "./world-for-tests.ts"

/** Signed by itself for `localhost`, until 2126. */
const CERTIFICATE = [
  "MIIBlTCCATugAwIBAgIUQxQRgw0jKKqhbY/AReNYyXpD0TowCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2",
  "MTEyNzE3NTIwNloYDzIxMjYxMTAzMTc1MjA2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC",
  "AASL+lfFpgJGdXRgbtOki4q3fSARiPXFELEJ0ehbzt1wa/C2ciOmSzoOHx2FCH03pj8tNhHLnQ9mD/3NRDmWtbwTo2kwZzAdBgNV",
  "HQ4EFgQU8evzr642cNu9ipXSqveNvay1NPowHwYDVR0jBBgwFoAU8evzr642cNu9ipXSqveNvay1NPowDwYDVR0TAQH/BAUwAwEB",
  "/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwIDSAAwRQIgC0mGnf4t3qXU7s3bALPWO90mI26xDbK1HAQfixgrc+wC",
  "IQD7I9GRopYeaW09qXGiQXSsDiN+qkFORnU8GuSQzUOmuA==",
].join("")
const KEY = [
  "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgExH6Ot4zpCfl3b9iZiB/0p+DmOdI9WCXadVrigeZDjahRANCAASL",
  "+lfFpgJGdXRgbtOki4q3fSARiPXFELEJ0ehbzt1wa/C2ciOmSzoOHx2FCH03pj8tNhHLnQ9mD/3NRDmWtbwT",
].join("")

let world: World
let hub: RunningHub
let server: Server
/** It speaks HTTP where its address says HTTPS. */
let plain: FakeHost

beforeAll(async () => {
  world = await newWorld("tls")
  hub = await runHub(world)
  const key = createPrivateKey({ key: Buffer.from(KEY, "base64"), format: "der", type: "pkcs8" })
  server = createServer({
    key: key.export({ type: "pkcs8", format: "pem" }),
    cert: `-----BEGIN CERTIFICATE-----\n${CERTIFICATE}\n-----END CERTIFICATE-----`,
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  plain = await fakeHost(json(200, {}))
  const ports = { signed: (server.address() as AddressInfo).port, plain: new URL(plain.url).port }
  for (const [id, port] of Object.entries(ports)) {
    const models = [{ id: "big", input_per_mtok: 1, output_per_mtok: 4 }]
    const { status } = await hub.send("POST", "/routing/targets", {
      ...{ target_id: id, display_name: id, dialect: "openai", base_url: `https://localhost:${port}` },
      ...{ models, credential: "secret" },
    })
    if (status !== 201) throw new Error(`the target was not made: ${status}`)
  }
})
afterAll(async () => {
  await hub.stop()
  server.close()
  await plain.close()
  await world.end()
})

const ask = async (model: string) => {
  const reply = await fetch(`${hub.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "hi" }] }),
  })
  const { error } = OpenAiError.parse(await reply.json())
  return { ...error, status: reply.status, headers: reply.headers }
}

it.each([
  ["signed/big", "signed: its certificate is not valid here (self-signed): have one of a known authority"],
  ["plain/big", "plain: it speaks no TLS: its address should begin with http://"],
])("%s is refused in words that say what to do, and is not to be asked again", async (model, words) => {
  const first = await ask(model)
  expect(first).toMatchObject({ status: 503, code: "gateway_error", reason: "unhealthy" })
  expect(first.message).toContain(words)
  const second = await ask(model)
  expect(second.message).toContain("its certificate, key or account was no good lately")
  for (const { headers } of [first, second])
    expect([headers.get("retry-after"), headers.get("x-should-retry")]).toEqual([null, "false"])
  const scores = RouteScores.parse(await (await hub.get("/routing/scores")).json())
  const [target] = model.split("/")
  expect(scores.rows.find(({ provider_id: id }) => id === target)?.status).toBe("unhealthy")
  const logged = async (): Promise<string> => {
    const reply = await hub.get("/routing/dispatches?limit=50")
    const { rows } = pageOf(RouteDispatch).parse(await reply.json())
    return rows.map(({ reason }) => reason).join("\n")
  }
  await expect.poll(logged, { timeout: 20_000 }).toContain(`tls: ${words.slice(words.indexOf(":") + 2)}`)
})

it.each([
  ["CERT_HAS_EXPIRED", "its certificate is not valid here (expired): have it renewed there"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "its certificate is not valid here (for another name): put the name"],
  [
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "its certificate is not valid here (nobody known here has signed it): ",
  ],
  ["ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", "it and this hub agree on no TLS (ERR_SSL_"],
])("says of %s what it is", (code, words) => {
  const error = Object.assign(new Error("0A000086:SSL routines"), { code })
  expect(brokenBy(error, false)).toEqual({ kind: "tls", detail: expect.stringContaining(words) })
})

it("takes what is no matter of TLS for what it is", () => {
  const error = Object.assign(new Error("socket hang up"), { code: "ECONNRESET" })
  expect(brokenBy(error, false)).toEqual({ kind: "reset", detail: "socket hang up" })
})
