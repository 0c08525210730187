import type { Words } from "../words"; import en from "./en"; export default en as Words;
