import { ClientFuzz } from "./client-fuzz.ts";

const [seed, inputs] = process.argv.slice(2).map(Number);
process.send!(new ClientFuzz(seed!).run(inputs!));
