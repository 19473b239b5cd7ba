import { createRandom } from "../random.ts"

const WORDS =
  "the of and to in is that for it as with on be at by this from or an are not have which you but can if will one about up out so what when there all more some into time then how than other its two like only over new also after use first these most work could them even any where each may because through between same both under does such while still last own found here take those without high every small number always next few open system public value start point model token cache prompt latency signal metric window budget".split(
    " ",
  )

/** Token number `index` of the answer with this seed: the same every time, so a capture can be made up later. */
export function wordAt(seed: number, index: number): string {
  const word = WORDS[createRandom(seed * 31 + index).integer(0, WORDS.length - 1)] ?? "the"
  return index === 0 ? word.charAt(0).toUpperCase() + word.slice(1) : ` ${word}`
}

export function words(seed: number, count: number): string {
  let text = ""
  for (let index = 0; index < count; index++) text += wordAt(seed, index)
  return text
}
