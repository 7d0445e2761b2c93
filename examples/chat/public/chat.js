const show = (id, text) => {
  document.getElementById(id).textContent = text
}
const [form, name, room, text, messages] = ['form', 'name', 'room', 'text', 'messages'].map((id) =>
  document.getElementById(id),
)
let closes = 0

function onClose(what) {
  closes++
  show('closes', `${closes} connections closed, the last: ${what}`)
}

function connect() {
  const socket = new WebSocket(`ws://${location.host}/chat`)
  const join = () => {
    messages.replaceChildren()
    socket.send(JSON.stringify({ type: 'join', name: name.value, room: room.value }))
  }
  socket.onopen = () => {
    show('socket', 'connected')
    join()
  }
  socket.onclose = ({ code }) => {
    onClose(`WebSocket, ${code}`)
    show('socket', 'disconnected')
    setTimeout(connect, 500)
  }
  socket.onmessage = ({ data }) => {
    const { type, ...message } = JSON.parse(data)
    if (type !== 'message') return
    const item = document.createElement('li')
    const version = document.createElement('small')
    version.textContent = ` (version ${message.version})`
    item.append(`${message.name}: ${message.text}`, version)
    item.dataset.id = message.id
    messages.append(item)
    item.scrollIntoView()
  }
  name.onchange = join
  room.onchange = join
  form.onsubmit = (event) => {
    event.preventDefault()
    socket.send(JSON.stringify({ type: 'say', text: text.value }))
    text.value = ''
  }
}

connect()

const clock = new EventSource('/clock')
clock.onmessage = ({ data }) => {
  const { time, version } = JSON.parse(data)
  show('clock', `${new Date(time * 1000).toLocaleTimeString()}, served by version ${version}`)
  clock.seen = [...(clock.seen ?? []), time]
}
clock.onerror = () => onClose('event stream')

// For the browser tests.
window.chat = { clock, closes: () => closes }
