import { inRoot } from "../../tools/paths.ts";
import { pythonPackages } from "../../tools/python.ts";
import { RemoteClient } from "./clients/remote.ts";
import { playAll } from "./scenarios/play.ts";

playAll("nats-py", async () => {
  const packages = await pythonPackages("clients", "nats-py");
  return new RemoteClient("python3", [inRoot("test/e2e/clients/python/client.py")], { PYTHONPATH: packages });
});
