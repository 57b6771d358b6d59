// Hands over what the microphone hears, one block at a time.

registerProcessor("isthmus-recorder", class extends AudioWorkletProcessor {
  process([input]) {
    if (input.length) this.port.postMessage(input[0].slice());
    return true;
  }
});
