import { expect, it } from "vitest"
import { hostIdFrom, isOnlyLocal } from "./enrol.ts"

it.each([
  ["gpu-box", "gpu-box"],
  [" Sam's Desktop ", "sam-s-desktop"],
  ["RACK_01", "rack-01"],
  ["---", null],
  ["", null],
  [`${"a".repeat(39)} b`, "a".repeat(39)],
])("makes an id of %j", (name, id) => expect(hostIdFrom(name)).toBe(id))

it.each([
  ["nats://127.0.0.1:4222", true],
  ["nats://localhost:4222", true],
  ["nats://10.0.0.5:4222", false],
  ["tls://nats.example.org", false],
  ["nats://localhost.example.org:4222", false],
])("knows that %s is only local: %s", (url, local) => expect(isOnlyLocal(url)).toBe(local))
