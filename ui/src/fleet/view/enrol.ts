const SLUG = /^[a-z0-9][a-z0-9-]{0,39}$/

/** A host's id from what somebody calls the machine; null: nothing of it can be one. */
export function hostIdFrom(name: string): string | null {
  const id = name
    .trim()
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 40)
    .replace(/-+$/, "")
  return SLUG.test(id) ? id : null
}

/** Whether a hub at that address can be reached from another machine. */
export function isOnlyLocal(natsUrl: string): boolean {
  return /^\w+:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:|\/|$)/.test(natsUrl)
}
