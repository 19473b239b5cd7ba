import * as z from "zod/mini"

/** Who the hub takes whoever asks for. `anyone`: somebody of whom nothing is known, who is told nothing of the fleet. */
export const SessionKind = z.enum(["local", "administrator", "person", "token", "anyone"])
export type SessionKind = z.infer<typeof SessionKind>

export const Session = z.object({
  kind: SessionKind,
  /** Of a person the name that the proxy gave, of a token its label. */
  name: z.nullable(z.string()),
  /** What may be done; null for anyone. */
  role: z.nullable(z.enum(["admin", "read"])),
})
export type Session = z.infer<typeof Session>

/** A token as it was printed when it was made, or that of `BOO_ADMIN_TOKEN`. */
export const SignIn = z.strictObject({ token: z.string().check(z.trim(), z.minLength(1), z.maxLength(4096)) })
export type SignIn = z.infer<typeof SignIn>
