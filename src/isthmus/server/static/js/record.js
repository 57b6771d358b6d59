// Sound from the microphone as a WAV file, since that is what every decoder reads.

let taking = null;

export const recording = () => taking !== null;

export async function start() {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const context = new AudioContext();
  await context.audioWorklet.addModule("/static/js/recorder-worklet.js");
  const node = new AudioWorkletNode(context, "isthmus-recorder");
  const parts = [];
  node.port.onmessage = (event) => parts.push(event.data);
  context.createMediaStreamSource(stream).connect(node);
  taking = { stream, context, parts };
}

export async function stop() {
  const { stream, context, parts } = taking;
  taking = null;
  stream.getTracks().forEach((track) => track.stop());
  const rate = context.sampleRate;
  await context.close();
  return new File([wav(parts, rate)], "recording.wav", { type: "audio/wav" });
}

function wav(parts, rate) {
  const count = parts.reduce((total, part) => total + part.length, 0);
  const view = new DataView(new ArrayBuffer(44 + 2 * count));
  const word = (at, text) => [...text].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  word(0, "RIFF"); view.setUint32(4, 36 + 2 * count, true); word(8, "WAVEfmt ");
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, rate, true); view.setUint32(28, 2 * rate, true); view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  word(36, "data"); view.setUint32(40, 2 * count, true);
  let at = 44;
  for (const part of parts) {
    for (const value of part) {
      view.setInt16(at, Math.max(-1, Math.min(1, value)) * 32767, true);
      at += 2;
    }
  }
  return view.buffer;
}
