import { writeFileSync } from "node:fs";
import { order_flow } from "./order_flow";
import { picture } from "../src/picture";
for (const theme of ["light","dark"]) writeFileSync(`/tmp/w/fe1/pic-${theme}.svg`, picture(JSON.stringify({data: order_flow(), theme})));
