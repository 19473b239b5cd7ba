import type { StorageReply } from "@boocontrol/shared/retention"
import { instantOf } from "@boocontrol/shared/time"
import type { RetentionRoutesOptions } from "./routes.ts"
import type { StreamFigures } from "./ports.ts"
import { DEAD_LETTERS_KEPT } from "./run.ts"
import { countDeadLetters } from "./store/dead-letters.ts"
import { listRuns } from "./store/runs.ts"
import { captureBytes, databaseBytes, dirtyBuckets, tableSizes } from "./store/sizes.ts"

const RUNS_SHOWN = 20

/** Everything about what is stored and for how long. */
export async function storageReply({
  sql,
  clock,
  tables,
  tiers,
  retain,
  captureBudgetBytes,
  figures,
  isInCharge,
}: RetentionRoutesOptions): Promise<StorageReply> {
  const sized = [
    ...tables.map(({ table, keptDays }) => ({ table, keepDays: keptDays })),
    { table: "control_model_events", keepDays: retain.eventsDays },
    { table: "control_dead_letters", keepDays: retain.eventsDays },
    { table: "control_completeness", keepDays: retain.eventsDays },
  ]
  const [bytes, sizes, dirty, letters, captures, runs, nats] = await Promise.all([
    databaseBytes(sql),
    tableSizes(sql, sized),
    dirtyBuckets(sql, tiers),
    countDeadLetters(sql),
    captureBytes(sql),
    listRuns(sql, RUNS_SHOWN),
    figures.natsAnswers(),
  ])
  const { samples, nudged } = figures.samples()
  const perf = Object.entries(retain.perfDays).map(([tier, days]) => [`samples_${tier}`, days])
  return {
    at: instantOf(clock.now()),
    database_bytes: bytes,
    tables: sizes,
    streams: figures.streams().map(streamOf),
    nats,
    samples: { stored: samples, nudged },
    dirty,
    dead_letters: { ...letters, keep: DEAD_LETTERS_KEPT },
    windows: { ...Object.fromEntries(perf), activity: retain.activityDays, events: retain.eventsDays },
    captures: { bytes: captures, budget_bytes: captureBudgetBytes },
    in_charge: isInCharge(),
    runs,
  }
}

function streamOf(given: StreamFigures): StorageReply["streams"][number] {
  const { stream, received, stored, redelivered, deadLetters, disabled, retries } = given
  return {
    ...{ stream, received, stored, redelivered, disabled, retries },
    dead_letters: deadLetters,
    waiting_for_postgres: given.waitingForPostgres,
    lag_ms: given.lagMs,
  }
}
