/**
 * The cockpit's two fonts. Were they named from the start, the first screen would be laid out once more in the midst of
 * its making; so they are fetched beside the code and put on together, once both are here.
 */
export async function loadFonts(): Promise<void> {
  await import("../styles/fonts.css")
  await Promise.all(["13px Inter", "13px Orbitron"].map((font) => document.fonts.load(font)))
  document.documentElement.dataset["fonts"] = ""
}
