// Runs before the first paint, so that a light screen never flashes dark. The cockpit takes over in platform/theme.ts.
;(function () {
  var choice = null
  try {
    choice = localStorage.getItem("boocontrol.theme")
  } catch {
    // Storage may be switched off; the system's preference is used then.
  }
  var light = choice === "light" || (choice !== "dark" && matchMedia("(prefers-color-scheme: light)").matches)
  document.documentElement.dataset.theme = light ? "light" : "dark"
})()
