// As the hub takes them.
const MOST = 20
const LONGEST = 40

/** The tags with one more, or why not. */
export function withTag(
  tags: readonly string[],
  text: string,
): { readonly tags: readonly string[] | null; readonly why: string | null } {
  const tag = text.trim()
  if (tag === "") return { tags: null, why: null }
  if (tag.length > LONGEST) return { tags: null, why: `A tag has at most ${LONGEST} characters` }
  if (tags.some((one) => one.toLowerCase() === tag.toLowerCase()))
    return { tags: null, why: "It has that tag" }
  if (tags.length >= MOST) return { tags: null, why: `A host has at most ${MOST} tags` }
  return { tags: [...tags, tag], why: null }
}

export function withoutTag(tags: readonly string[], tag: string): string[] {
  return tags.filter((one) => one !== tag)
}
