import { dispatch } from "./lib/cli/dispatch.ts";
import { readLauncherEnvironment } from "./lib/cli/self.ts";

readLauncherEnvironment();
Deno.exit(await dispatch(Deno.args));
