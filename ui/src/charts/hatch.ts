/** A tile of diagonal lines: how a hole in history is drawn. */
export function hatchOf(color: string): { image: HTMLCanvasElement; repeat: "repeat" } {
  const size = 8
  const image = document.createElement("canvas")
  image.width = size
  image.height = size
  const pen = image.getContext("2d")
  if (pen) {
    pen.strokeStyle = color
    pen.globalAlpha = 0.45
    pen.lineWidth = 1
    pen.beginPath()
    for (const offset of [-size, 0, size]) {
      pen.moveTo(offset, size)
      pen.lineTo(offset + size, 0)
    }
    pen.stroke()
  }
  return { image, repeat: "repeat" }
}
