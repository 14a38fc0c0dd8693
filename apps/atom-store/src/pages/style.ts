/** Of all pages: light or dark as the reader's system is, and one column on a phone. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1d2021; --paper: #fbf9f4; --card: #ffffff; --line: #d9d3c5;
  --quiet: #625c50; --accent: #6b2d5c; --on-accent: #ffffff; --bad: #a32020; }
@media (prefers-color-scheme: dark) { :root { --ink: #e9e4d8; --paper: #1b1a18; --card: #252320; --line: #45413a;
  --quiet: #a9a294; --accent: #d9a5cb; --on-accent: #201020; --bad: #ff9a8f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
a { color: var(--accent); }
.skip { position: absolute; left: -100rem; } .skip:focus { left: .5rem; top: .5rem; }
header { display: flex; flex-wrap: wrap; gap: .6rem 1.2rem; align-items: center; padding: .8rem 1rem;
  border-bottom: 1px solid var(--line); background: var(--card); }
header .home { font-weight: 700; text-decoration: none; font-size: 1.15rem; }
header form { flex: 1 1 12rem; display: flex; gap: .4rem; max-width: 26rem; }
header nav { display: flex; gap: 1rem; margin-left: auto; }
main { max-width: 46rem; margin: 0 auto; padding: 1rem; }
h1 { line-height: 1.2; margin: .4rem 0 .6rem; overflow-wrap: anywhere; } h2 { margin: 1.6rem 0 .5rem; }
.quiet, time { color: var(--quiet); font-size: .9rem; }
.cards { list-style: none; padding: 0; display: grid; gap: .6rem; }
.cards li { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .7rem .9rem;
  overflow-wrap: anywhere; }
.cards a.title { font-weight: 600; text-decoration: none; }
.tag { display: inline-block; border: 1px solid var(--line); border-radius: 1rem; padding: 0 .6rem; font-size: .85rem;
  text-decoration: none; margin-right: .2rem; }
.draft { background: var(--accent); color: var(--on-accent); border-color: var(--accent); }
.bar { display: flex; flex-wrap: wrap; gap: .6rem; margin: 1rem 0; align-items: center; }
input, textarea, select { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line);
  border-radius: .4rem; padding: .45rem .6rem; width: 100%; }
input[type=checkbox], input[type=radio] { width: auto; }
textarea { min-height: 14rem; } label { display: block; margin: .8rem 0; } label.choice { display: inline-block;
  margin: .2rem 1rem .2rem 0; } fieldset { border: 1px solid var(--line); border-radius: .4rem; margin: .8rem 0; }
button, .button { font: inherit; background: var(--accent); color: var(--on-accent); border: 0; border-radius: .4rem;
  padding: .45rem .9rem; text-decoration: none; cursor: pointer; display: inline-block; }
.button.plain { background: none; color: var(--accent); border: 1px solid var(--line); }
.problem { border-left: .3rem solid var(--bad); padding: .3rem .8rem; background: var(--card); }
article img, article video, figure img { max-width: 100%; height: auto; border-radius: .4rem; }
figure { margin: 1rem 0; } pre { overflow-x: auto; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line); } td.number { text-align: right;
  white-space: nowrap;
  font-variant-numeric: tabular-nums; }
`
