// The page is there as it comes; only who looks is asked for.
import { greet, visitor } from "../console/api.js";

greet(await visitor(() => {}));
