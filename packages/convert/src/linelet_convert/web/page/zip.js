/** A ZIP file without compression (PNGs gain nothing from it). APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16. */

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

/** @param {Uint8Array} bytes */
export function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ -1) >>> 0;
}

/** @param {[string, Uint8Array][]} files names and contents @returns {Blob} */
export function zip(files) {
  /** @type {any[]} */
  const parts = [];
  /** @type {any[]} */
  const directory = [];
  let offset = 0;
  for (const [name, bytes] of files) {
    const encoded = new TextEncoder().encode(name);
    // Version 2.0; bit 11: the name is UTF-8; stored; 1 January 1980, so that equal contents give equal files.
    /** @type {[number, number][]} */
    const common = [[2, 20], [2, 0x800], [2, 0], [2, 0], [2, 0x21], [4, crc32(bytes)], [4, bytes.length], [4, bytes.length],
      [2, encoded.length], [2, 0]];
    const local = record([4, 0x04034b50], ...common);
    directory.push(record([4, 0x02014b50], [2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]), encoded);
    parts.push(local, encoded, bytes);
    offset += local.length + encoded.length + bytes.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = record([4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, size], [4, offset], [2, 0]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/** Little-endian numbers of 2 or 4 bytes. @param {...[number, number]} fields */
function record(...fields) {
  const bytes = new Uint8Array(fields.reduce((sum, [size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of fields) {
    size === 2 ? view.setUint16(at, value, true) : view.setUint32(at, value, true);
    at += size;
  }
  return bytes;
}
