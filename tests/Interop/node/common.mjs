// What the scripts share. Each takes: BOOTSTRAP COMMAND TOPIC [CODEC]; exit 0 means that everything held.
import { createHash } from 'node:crypto'

export const COUNT = 500

/** Messages of every shape: with and without key, null and empty values, headers, text beyond ASCII. */
export function messages () {
  return Array.from({ length: COUNT }, (_, i) => ({
    key: i % 5 === 0 ? null : `key-${i % 17}`,
    value: i % 50 === 7 ? null : i % 50 === 8 ? '' : `value ${i} ${'äöü漢字'.repeat(i % 40)}`,
    headers: i % 3 === 0 ? { index: String(i), empty: '' } : {}
  }))
}

export function digest (list) {
  const hash = createHash('sha256')
  for (const line of list.map(m => JSON.stringify([m.key, m.value, m.headers])).sort()) hash.update(line)
  return hash.digest('hex')
}

export function check (condition, what) {
  if (!condition) {
    console.error('FAILED: ' + what)
    process.exit(1)
  }
}

export async function until (condition, what, ms = 60000) {
  const end = Date.now() + ms
  while (!await condition()) {
    check(Date.now() < end, typeof what === 'function' ? what() : what)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
