// Sends users through Segment's client for Node, and prints what it says of its own work as one line of JSON.
// Arguments: the server's address, a key, how many users, and how many characters of text the first of them has.
import { Analytics } from '@segment/analytics-node'

const [host, writeKey, users, characters] = process.argv.slice(2)
const analytics = new Analytics({ host, writeKey, flushAt: 50, maxRetries: 3 })
const errors = []
analytics.on('error', (error) => errors.push(error.code ?? String(error)))

for (let number = 0; number < Number(users); number++) {
  const traits = {
    email: `user${number}@example.com`,
    name: `Zoë ${number}`,
    plan: number % 2 ? 'pro' : 'free',
    seats: number,
    beta: number % 3 === 0,
    signupDate: new Date(Date.UTC(2025, 7, 15, 9, 30)),
    company: { name: 'Acme', size: 12 },
    nothing: null,
  }
  if (number === 0 && Number(characters)) traits.text = 'x'.repeat(Number(characters))
  analytics.identify({ userId: `user${number}`, traits })
  analytics.track({ userId: `user${number}`, event: 'Signed up' })
}
await analytics.closeAndFlush({ timeout: 60_000 })
console.log(JSON.stringify({ errors }))
