// Segments from JavaScript, through the C library and koffi: the memory that others see, too,
// not a copy. NDSHM_LIBRARY names the library where it is not installed.
import koffi from 'koffi';

const Field = koffi.struct({
  name: 'void *', dims: 'void *', nameLen: 'uint32_t', ndim: 'uint32_t', offset: 'uint32_t',
  itemsize: 'uint32_t', size: 'uint32_t', fieldCount: 'uint32_t', node: 'uint32_t',
  unitCount: 'uint32_t', kind: 'uint8_t', order: 'uint8_t', unit: 'uint8_t',
  reserved: koffi.array('uint8_t', 13),
});
const library = koffi.load(process.env.NDSHM_LIBRARY ?? 'libndshm.so.1');
const describe = [koffi.out(koffi.pointer(Field)), 'void *'];
const attachSegment = library.func('ndshm_segment_attach', 'int32_t', ['str', 'void *', 'void *', 'void *']);
const element = library.func('ndshm_field_element', 'int32_t', ['void *', ...describe]);
const fieldAt = library.func('ndshm_field_at', 'int32_t', ['void *', 'void *', 'uint32_t', ...describe]);
const ask = (what, type) => library.func(`ndshm_segment_${what}`, type, ['void *']);
const data = ask('data', 'void *'), dataLen = ask('data_len', 'size_t'), detach = ask('detach', 'int32_t');
const shapeOf = ask('shape', 'void *'), ndim = ask('ndim', 'uint32_t'), itemsize = ask('itemsize', 'uint32_t');

const getters = {
  i: { 1: 'getInt8', 2: 'getInt16', 4: 'getInt32', 8: 'getBigInt64' },
  u: { 1: 'getUint8', 2: 'getUint16', 4: 'getUint32', 8: 'getBigUint64' },
  f: { 4: 'getFloat32', 8: 'getFloat64' },
};

/** What reads a field of the record that begins at a byte: numbers, and strings of bytes. */
function reader(view, { kind, order, itemsize, offset }) {
  const letter = String.fromCharCode(kind), get = getters[letter]?.[itemsize];
  if (get) return (at) => view[get](at + offset, order !== 62);
  if (letter !== 'S') throw new Error(`no reader for a field of kind ${letter}${itemsize}`);
  return (at) => Buffer.from(view.buffer, at + offset, itemsize).toString().replace(/\0+$/, '');
}

/** Attaches a segment for reading, and waits `timeoutMs` for it at most. `view`, the memory
 *  itself, and `columns`, a function from row to value for each field (or one with no name),
 *  hold until `detach()`: who uses them later ends with a SIGSEGV. */
export function attach(name, timeoutMs = 0) {
  const handle = Buffer.alloc(192 * 8), options = Buffer.alloc(32), error = Buffer.alloc(4096);
  options.writeUInt32LE(options.length, 0);
  options.writeUInt32LE(timeoutMs, 8);
  error.writeUInt32LE(error.length, 0);
  if (attachSegment(name, options, handle, error) !== 0) {
    throw new Error(error.toString('utf8', 48, error.indexOf(0, 48)));
  }
  const view = new DataView(koffi.view(data(handle), dataLen(handle)));
  const size = itemsize(handle), columns = {}, whole = {};
  element(handle, whole, null);
  for (let index = 0; index < Math.max(whole.fieldCount, 1); index++) {
    const field = {};
    if (whole.fieldCount) fieldAt(handle, null, index, field, null);
    const read = reader(view, whole.fieldCount ? field : whole);
    const label = field.nameLen ? koffi.decode.string(field.name, field.nameLen) : '';
    columns[label] = (row) => read(row * size);
  }
  const shape = Array.from(koffi.decode(shapeOf(handle), 'uint64_t', ndim(handle)), Number);
  return { shape, itemsize: size, view, columns, detach: () => detach(handle) };
}
