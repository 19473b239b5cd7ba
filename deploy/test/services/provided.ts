declare module "vitest" {
  // The type of what `inject` gives: `inject("databaseUrl")`.
  interface ProvidedContext extends Provided {}
}

/** What the global set-up gives to every test. */
export interface Provided {
  /** A Postgres whose data may be lost; use `testDatabase` for a database of your own on it. */
  databaseUrl: string
  /** A nats-server with JetStream and without authentication, shared by all tests of a run. */
  natsUrl: string
  /** The nats-server program, for tests that start one of their own. */
  natsServer: string
  /** A folder that is removed when the run ends. */
  testFolder: string
}
