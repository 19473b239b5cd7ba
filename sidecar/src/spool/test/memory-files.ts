import type { GrowingFile, SpoolFiles } from "../files.ts"

/** What the spool does to its folder, in the order it happens. */
export type Operation =
  "list" | "create" | "open" | "write" | "truncate" | "sync" | "read" | "append" | "rename" | "remove"

export interface MemoryFiles extends SpoolFiles {
  /** The folder as it is; to be looked at, spoilt, or handed to the next life. */
  readonly contents: Map<string, Buffer>
  readonly log: string[]
  /** Called before each operation; what it throws is what the system says. `partBytes` of a write are written first. */
  fail: (operation: Operation, name: string) => { code: string; partBytes?: number } | null
  /** Writes wait for it. */
  answers: Promise<void>
}

/** A folder in memory that fails where it is told to. */
export function memoryFiles(contents = new Map<string, Buffer>()): MemoryFiles {
  const world: MemoryFiles = {
    contents,
    log: [],
    fail: () => null,
    answers: Promise.resolve(),
    list: () =>
      done("list", "", () =>
        [...contents].map(([name, { length }]) => ({ name, bytes: length })).toSorted(byName),
      ),
    create: (name) =>
      done("create", name, () => {
        if (contents.has(name)) throw errorOf("EEXIST")
        contents.set(name, Buffer.alloc(0))
        return growing(name)
      }),
    open: (name) =>
      done("open", name, () => {
        file(name)
        return growing(name)
      }),
    read: (name, { at, bytes }) => done("read", name, () => Buffer.from(file(name).subarray(at, at + bytes))),
    append: (name, bytes) =>
      done(
        "append",
        name,
        () => void contents.set(name, Buffer.concat([contents.get(name) ?? EMPTY, bytes])),
      ),
    truncate: (name, bytes) =>
      done("truncate", name, () => void contents.set(name, file(name).subarray(0, bytes))),
    rename: (from, to) =>
      done("rename", from, () => {
        contents.set(to, file(from))
        contents.delete(from)
      }),
    remove: (name) => done("remove", name, () => void contents.delete(name)),
  }

  function file(name: string): Buffer {
    const found = contents.get(name)
    if (!found) throw errorOf("ENOENT")
    return found
  }

  async function done<T>(operation: Operation, name: string, act: () => T): Promise<T> {
    await Promise.resolve()
    world.log.push(`${operation} ${name}`)
    const failure = world.fail(operation, name)
    if (failure) throw errorOf(failure.code)
    return act()
  }

  function growing(name: string): GrowingFile {
    return {
      async write(parts, at) {
        await Promise.resolve()
        world.log.push(`write ${name}`)
        await world.answers
        const failure = world.fail("write", name)
        const bytes = Buffer.concat(parts)
        const written = failure ? bytes.subarray(0, failure.partBytes ?? 0) : bytes
        contents.set(
          name,
          Buffer.concat([file(name).subarray(0, at), written, file(name).subarray(at + written.length)]),
        )
        if (failure) throw errorOf(failure.code)
      },
      truncate: (bytes) => world.truncate(name, bytes),
      sync: () => done("sync", name, () => undefined),
      close: () => Promise.resolve(),
    }
  }

  return world
}

const EMPTY = Buffer.alloc(0)

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : 1
}

function errorOf(code: string): Error {
  return Object.assign(new Error(`${code}: as told`), { code })
}
