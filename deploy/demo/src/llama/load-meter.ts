/** Which share of the time a model kept its cards busy, and how: the GPU model asks once per step. */
export interface LoadMeter {
  begin(work: Work): void
  end(work: Work): void
  /** Shares since the last call, each 0..1. */
  take(): Record<Work, number>
}

export type Work = "prefill" | "decode"

export function createLoadMeter(now: () => number): LoadMeter {
  const running: Record<Work, number> = { prefill: 0, decode: 0 }
  const busyMs: Record<Work, number> = { prefill: 0, decode: 0 }
  let changedAt = now()
  let takenAt = changedAt

  function accumulate() {
    const elapsed = now() - changedAt
    changedAt += elapsed
    if (running.prefill > 0) busyMs.prefill += elapsed
    else if (running.decode > 0) busyMs.decode += elapsed
  }

  return {
    begin(work) {
      accumulate()
      running[work]++
    },
    end(work) {
      accumulate()
      running[work]--
    },
    take() {
      accumulate()
      const span = Math.max(1, changedAt - takenAt)
      const shares = { prefill: busyMs.prefill / span, decode: busyMs.decode / span }
      busyMs.prefill = 0
      busyMs.decode = 0
      takenAt = changedAt
      return shares
    },
  }
}
