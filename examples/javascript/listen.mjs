// Print what a running stt-service hears: node listen.mjs (22 or newer), or import it in a page
// whose origin stands in server.origins.

const TOKEN = globalThis.process?.env.STT_SERVICE_TOKEN;
const URL = globalThis.process?.env.STT_SERVICE_URL ?? "ws://127.0.0.1:8765";
const LONGEST = 10000; // ms between attempts

export function listen(take, url = `${URL}/v1/transcripts?kinds=final`, token = TOKEN) {
  let wait = 500;
  const connect = () => {
    const socket = new WebSocket(url, token ? ["stt-service.v1", `stt-token.${token}`] : []);
    socket.onmessage = ({ data }) => {
      wait = 500;
      take(JSON.parse(data));
    };
    socket.onclose = () => {
      setTimeout(connect, wait);
      wait = Math.min(LONGEST, 2 * wait);
    };
    socket.onerror = () => {}; // onclose follows
  };
  connect();
}

if (globalThis.process) {
  listen((message) => {
    if (message.type === "final") console.log(message.text);
    if (message.type === "hello") console.error(`connected to ${message.server}`);
  });
}
