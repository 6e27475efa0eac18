import { buildGo } from "../../tools/go.ts";
import { RemoteClient } from "./clients/remote.ts";
import { playAll } from "./scenarios/play.ts";

playAll("nats.go", async () => new RemoteClient(await buildGo("test/e2e/clients/go")));
