/** The frames that a client has read, without the CR LF at their ends. What is not whole is the last one. */
export function framesIn(read: string): string[] {
  const frames: string[] = [];
  for (let at = 0; at < read.length;) {
    const end = read.indexOf("\r\n", at);
    if (end < 0) return [...frames, read.slice(at)];
    const line = read.slice(at, end);
    const behind = /^H?MSG /.test(line) ? end + 2 + Number(line.slice(line.lastIndexOf(" "))) : end;
    frames.push(read.slice(at, behind));
    at = behind + 2;
  }
  return frames;
}
