import type * as z from "zod/mini"

/**
 * Makes a quick look that tells whether a value fits a schema *and* parsing would change nothing in it: no unknown key
 * to leave out, nothing to fill in. True: the value can be used as it is. False says only that the schema itself has
 * to look, which then also finds the words for what is wrong.
 *
 * Messages come by the thousand a second, and the schemas, which are interpreted, take longer than reading the JSON
 * did. The look is JavaScript written from the schema, so there is nothing to keep equal by hand.
 */
export function exactly(schema: z.core.$ZodType): (value: unknown) => boolean {
  const program: Program = { functions: [], constants: [], known: new Map() }
  const name = functionFor(schema, program)
  const source = `"use strict";${program.functions.join("\n")}\nreturn ${name}`
  try {
    // Text of this file and names of schema keys, quoted: nothing from outside gets into it.
    // oxlint-disable-next-line typescript/no-implied-eval
    return new Function("c", source)(program.constants) as (value: unknown) => boolean
  } catch (error) {
    // A page may forbid code that was text: the schema does it all there.
    if (error instanceof EvalError) return () => false
    throw error
  }
}

interface Program {
  functions: string[]
  constants: unknown[]
  known: Map<z.core.$ZodType, string>
}

type Definition = z.core.$ZodTypes["_zod"]["def"]
type CheckDefinition = z.core.$ZodChecks["_zod"]["def"]

// What every schema is, seen as one of the kinds that the library has.
function definitionOf(schema: z.core.$ZodType): Definition {
  return schema._zod.def as Definition
}

function functionFor(schema: z.core.$ZodType, program: Program): string {
  const before = program.known.get(schema)
  if (before !== undefined) return before
  const name = `f${program.known.size}`
  program.known.set(schema, name)
  program.functions.push(`function ${name}(v){return ${expression(schema, "v", program)}}`)
  return name
}

/** A JavaScript expression that is true where the value named by `v` needs no further look. */
function expression(schema: z.core.$ZodType, v: string, program: Program): string {
  const def = definitionOf(schema)
  switch (def.type) {
    case "unknown":
      return `${v}!==undefined`
    case "boolean":
      return `typeof ${v}==="boolean"`
    case "nullable":
      return `(${v}===null||${expression(def.innerType, v, program)})`
    case "optional":
      return `(${v}===undefined||${expression(def.innerType, v, program)})`
    // What is there is not filled in.
    case "default":
      return `(${v}!==undefined&&${expression(def.innerType, v, program)})`
    case "literal":
      return oneOf(def.values, v)
    case "enum":
      return oneOf(Object.values(def.entries), v)
    case "string":
      return both(`typeof ${v}==="string"`, checksOf(def, v, program))
    case "number":
      return both(`Number.isFinite(${v})`, checksOf(def, v, program))
    case "array":
      return arrayExpression(def, v, program)
    case "record":
      return recordExpression(def, v, program)
    case "object":
      return objectExpression(schema, def, { v, program })
    default:
      return "false"
  }
}

function both(first: string, second: string): string {
  return second === "" ? first : `(${first}&&${second})`
}

function oneOf(values: readonly unknown[], v: string): string {
  const plain = values.every((value) => ["string", "number", "boolean"].includes(typeof value))
  return plain ? `(${values.map((value) => `${v}===${JSON.stringify(value)}`).join("||")})` : "false"
}

function arrayExpression(def: z.core.$ZodArrayDef, v: string, program: Program): string {
  const item = functionFor(def.element, program)
  const name = `a${item}`
  const source = `function ${name}(v){for(let i=0;i<v.length;i++)if(!${item}(v[i]))return false;return true}`
  if (!program.functions.includes(source)) program.functions.push(source)
  const checks = checksOf(def, v, program)
  return `(Array.isArray(${v})&&${checks === "" ? "" : `${checks}&&`}${name}(${v}))`
}

function recordExpression(def: z.core.$ZodRecordDef, v: string, program: Program): string {
  const key = definitionOf(def.keyType)
  if (key.type !== "string" || key.checks?.length || def.checks?.length) return "false"
  const item = functionFor(def.valueType, program)
  const name = `r${item}`
  const source = `function ${name}(v){for(const k in v)if(k==="__proto__"||!${item}(v[k]))return false;return true}`
  if (!program.functions.includes(source)) program.functions.push(source)
  return `(${plainObject(v)}&&${name}(${v}))`
}

interface Place {
  v: string
  program: Program
}

function objectExpression(schema: z.core.$ZodType, def: z.core.$ZodObjectDef, { v, program }: Place): string {
  if (def.checks?.length || def.catchall) return "false"
  const name = `o${functionNumber(schema, program)}`
  const keys = Object.entries(def.shape)
  const lines = keys.map(([key, inner], n) => {
    const value = `const v${n}=v[${JSON.stringify(key)}];`
    return `${value}if(!(${expression(inner, `v${n}`, program)}))return false;`
  })
  // A key that is optional may be there or not; any other that is not there makes the count too small.
  const optional = keys.flatMap(([, inner], n) =>
    definitionOf(inner).type === "optional" ? [`(v${n}===undefined?0:1)`] : [],
  )
  const wanted = [String(keys.length - optional.length), ...optional].join("+")
  const count = "let n=0;for(const k in v)n++;"
  const source = `function ${name}(v){${lines.join("")}${count}return n===${wanted}}`
  if (!program.functions.includes(source)) program.functions.push(source)
  return `(${plainObject(v)}&&${name}(${v}))`
}

function functionNumber(schema: z.core.$ZodType, program: Program): number {
  const known = program.constants.indexOf(schema)
  return known >= 0 ? known : program.constants.push(schema) - 1
}

function plainObject(v: string): string {
  return `typeof ${v}==="object"&&${v}!==null&&!Array.isArray(${v})`
}

/** All checks of a schema, "" for none. */
function checksOf(def: Definition, v: string, program: Program): string {
  const own = "check" in def ? [def as unknown as CheckDefinition] : []
  const added = (def.checks ?? []).map((check) => check._zod.def as CheckDefinition)
  return [...own, ...added].map((check) => checkExpression(check, v, program)).join("&&")
}

function checkExpression(check: CheckDefinition, v: string, { constants }: Program): string {
  switch (check.check) {
    case "string_format": {
      const { pattern } = check
      if (!pattern || pattern.global || pattern.sticky) return "false"
      return `c[${constants.push(pattern) - 1}].test(${v})`
    }
    case "number_format":
      return check.format === "safeint" ? `Number.isSafeInteger(${v})` : "false"
    case "greater_than":
      return typeof check.value === "number" ? `${v}${check.inclusive ? ">=" : ">"}${check.value}` : "false"
    case "less_than":
      return typeof check.value === "number" ? `${v}${check.inclusive ? "<=" : "<"}${check.value}` : "false"
    case "max_length":
      return `${v}.length<=${check.maximum}`
    case "min_length":
      return `${v}.length>=${check.minimum}`
    default:
      return "false"
  }
}
