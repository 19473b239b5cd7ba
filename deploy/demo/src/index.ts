/** The programmatic face: what tests and the demo start use. */
export { type Clock, createVirtualClock, systemClock, type VirtualClock } from "./clock.ts"
export type { Control, RowOddities } from "./control.ts"
export { CONTROL_VERBS } from "./control-http.ts"
export type { LedgerEntry } from "./engine/activity.ts"
export type { SimulatedAnswer, SimulatedRequest } from "./engine/client.ts"
export { fleetOf, scenarioFile } from "./fleet.ts"
export { type SimulatedHost, type SimulatedHostOptions, startSimulatedHost } from "./host.ts"
export {
  FleetScenario,
  HostScenario,
  type HostScenarioInput,
  ModelScenario,
  readFleetScenario,
} from "./scenario.ts"
