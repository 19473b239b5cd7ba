/** Clients of the servers themselves, for programs that look at what stands in them. */
export { jetstream, jetstreamManager } from "@nats-io/jetstream"
export { connect } from "@nats-io/transport-node"
export type { NatsConnection } from "@nats-io/transport-node"
export { default as postgres } from "postgres"
export type { Sql } from "postgres"
