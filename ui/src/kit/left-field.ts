/**
 * Whether a field that holds something was left for good: then what is wrong with it is said. A press on a button leaves
 * it, too, but words that appear then would move the button away from under the pointer, and the press would be lost.
 */
export function isLeft({ relatedTarget }: FocusEvent, text: string): boolean {
  return text !== "" && !(relatedTarget instanceof HTMLButtonElement)
}
