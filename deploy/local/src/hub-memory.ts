/**
 * How the hub's process gives more of its memory back. Node allocates what passes through sockets with glibc's malloc, which keeps
 * freed pieces below a threshold that grows by itself to 32 MB, in up to eight arenas a processor. With fixed
 * thresholds the process was 95 MiB smaller after six minutes of a thousand hosts (docs/performance.md). What is
 * larger than the first is mapped anew each time: a batch of samples on its way to Postgres, a megabyte in several
 * copies, should not be. Other systems ignore these. See `man mallopt`.
 */
export const HUB_MEMORY = {
  MALLOC_ARENA_MAX: "2",
  MALLOC_MMAP_THRESHOLD_: "2097152",
  MALLOC_TRIM_THRESHOLD_: "4194304",
} as const
