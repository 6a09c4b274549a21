/** Style sheets read by the build: `styles:*` is all of them, tokens first. */
declare module "styles:*" {
  const text: string;
  export default text;
}
