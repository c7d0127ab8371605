// The address on a label: to the equipment it is stuck on.
import { at, get, greet, visitor } from "../console/api.js";
import { absent, present } from "../console/absent.js";
import { t } from "../words.js";

const tag = decodeURIComponent(location.pathname.split("/")[2]);
greet(await visitor(() => {}));
const asset = await present(() => get(at("/api/v1/assets/by-tag", tag)), () => {}, t("No equipment has the tag {tag}", { tag }), [["/equipment", t("Equipment")]]);
if (asset?.id) location.replace(at("/equipment", asset.id));
else absent(tag);
