/** What a colour means. Never shown by colour alone: words or a shape go with it. */
export type Tone = "ok" | "warn" | "bad" | "lease" | "idle" | "unknown"
