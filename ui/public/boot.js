// Stands in the page itself. Three things come before the cockpit's own code:

// 1. The theme, so that a light screen never flashes dark. The cockpit takes over in platform/theme.ts.
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

// 2. The one WebSocket, so that the fleet is there when the code is. What comes before anybody listens is kept;
// platform/socket.ts takes both over.
;(function () {
  function connect() {
    if (window.booEarlySocket) return
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
  }

  // 3. The code itself. Where the hub has written the fleet into the page, that is painted first.
  var begun = false
  function begin() {
    if (begun) return
    begun = true
    connect()
    var main = document.querySelector("link[data-main]")
    if (main) void import(main.href)
  }
  function afterPaint() {
    requestAnimationFrame(function () {
      var channel = new MessageChannel()
      channel.port1.addEventListener("message", begin)
      channel.port1.start()
      channel.port2.postMessage(null)
    })
    // A page that nobody looks at is not painted.
    setTimeout(begin, 1000)
  }

  var written = document.documentElement.dataset.asOf !== undefined
  if (!written) connect()
  document.addEventListener("DOMContentLoaded", written && !document.hidden ? afterPaint : begin)

  // What is pressed on a written page is done once it lives: platform/take-over.ts.
  var pressed = (window.booPressed = [])
  function click(event) {
    if (lives()) return
    var button = event.target.closest && event.target.closest("button")
    if (button) pressed.push(Array.prototype.indexOf.call(document.querySelectorAll("button"), button))
  }
  function key(event) {
    if (lives() || !(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "k") return
    event.preventDefault()
    pressed.push("k")
  }
  function lives() {
    return document.documentElement.dataset.asOf === undefined
  }
  if (written) {
    document.addEventListener("click", click)
    document.addEventListener("keydown", key)
  }
})()
