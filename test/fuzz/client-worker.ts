import { ClientFuzz } from "./client-fuzz.ts";

const [seed, inputs] = process.argv.slice(2).map(Number);
process.stdout.write(JSON.stringify(new ClientFuzz(seed!).run(inputs!)));
