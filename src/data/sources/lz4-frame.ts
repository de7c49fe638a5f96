/**
 * LZ4 frames, as Arrow files have them. The blocks of a frame may refer to what earlier ones gave, so they are unpacked
 * into one buffer. Format: lz4/doc/lz4_Frame_format.md and lz4_Block_format.md.
 */

/**
 * The unpacked bytes of one frame.
 * @param size bytes that the frame unpacks to. @throws Error if it is not a frame, damaged, or of another size.
 */
export function unpackLz4Frame(frame: Uint8Array, size: number): Uint8Array {
  const input = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (input.byteLength < 7 || input.getUint32(0, true) !== 0x184d2204) throw new Error('not an LZ4 frame');
  const flags = input.getUint8(4);
  const blockChecksum = (flags & 0x10) !== 0;
  // Magic, flags, block size, then the content size (8) and dictionary id (4) if there, then the header's checksum.
  let at = 6 + ((flags & 0x08) !== 0 ? 8 : 0) + ((flags & 0x01) !== 0 ? 4 : 0) + 1;
  const output = new Uint8Array(size);
  let written = 0;
  for (;;) {
    const blockSize = input.getUint32(at, true);
    at += 4;
    if (blockSize === 0) break;
    const stored = (blockSize & 0x80000000) !== 0;
    const block = frame.subarray(at, at + (blockSize & 0x7fffffff));
    written = stored ? append(output, written, block) : unpackBlock(block, output, written);
    at += block.length + (blockChecksum ? 4 : 0);
  }
  if (written !== size) throw new Error(`an LZ4 frame of ${written} bytes in place of ${size}`);
  return output;
}

function append(output: Uint8Array, written: number, bytes: Uint8Array): number {
  if (written + bytes.length > output.length) throw new Error('an LZ4 frame is longer than it says');
  output.set(bytes, written);
  return written + bytes.length;
}

/** Literals and copies of what was written before, in turn. Returns how much is written then. */
function unpackBlock(block: Uint8Array, output: Uint8Array, start: number): number {
  let written = start;
  let at = 0;
  const byte = (): number => {
    const value = block[at++];
    if (value === undefined) throw new Error('an LZ4 block is cut short');
    return value;
  };
  const length = (nibble: number): number => {
    let total = nibble;
    if (nibble === 15) for (let more = 255; more === 255; total += more) more = byte();
    return total;
  };
  while (at < block.length) {
    const token = byte();
    const literals = length(token >> 4);
    if (at + literals > block.length) throw new Error('an LZ4 block is cut short');
    written = append(output, written, block.subarray(at, at + literals));
    at += literals;
    if (at === block.length) return written;
    const offset = byte() | (byte() << 8);
    const copied = length(token & 15) + 4;
    const from = written - offset;
    if (offset === 0 || from < 0 || written + copied > output.length) throw new Error('an LZ4 block is damaged');
    // A copy may reach into what it writes itself: then byte by byte.
    if (offset >= copied) output.copyWithin(written, from, from + copied);
    else for (let step = 0; step < copied; step++) output[written + step] = output[from + step] as number;
    written += copied;
  }
  return written;
}
