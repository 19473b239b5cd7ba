// Opens the one WebSocket while the cockpit's own code is still on its way, so that the fleet is there when it is.
// What comes before anybody listens is kept; platform/socket.ts takes both over.
;(function () {
  var url = new URL("api/control/ws", document.baseURI)
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:"
  var socket = new WebSocket(url)
  var received = []
  function keep(event) {
    received.push(event.data)
  }
  socket.addEventListener("message", keep)
  window.booEarlySocket = {
    socket: socket,
    received: received,
    release: function () {
      socket.removeEventListener("message", keep)
    },
  }
})()

// The theme, before the first paint, so that a light screen never flashes dark. The cockpit takes over in platform/theme.ts.
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
