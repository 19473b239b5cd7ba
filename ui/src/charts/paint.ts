/** What a chart's builder cannot make without a document. */
export interface ChartPaint {
  readonly hatch: { readonly image: HTMLCanvasElement; readonly repeat: "repeat" }
}
