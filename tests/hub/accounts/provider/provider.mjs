// A certified OpenID Connect provider (npm package oidc-provider) with people of the tests' own.
// Says one line of JSON when it listens, and ends with its standard input.
import http from "node:http";
import Provider from "oidc-provider";

const [port, configuration] = [Number(process.argv[2]), JSON.parse(process.argv[3])];
const issuer = `http://127.0.0.1:${port}`;
const people = configuration.people; // subject -> claims

const provider = new Provider(issuer, {
  clients: configuration.clients,
  claims: { openid: ["sub"], profile: ["name", "preferred_username", "locale", "citizen_id", "birthdate"], groups: ["groups"] },
  scopes: ["openid", "profile", "groups"],
  conformIdTokenClaims: configuration.userinfo ?? true,
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true } },
  cookies: { keys: ["of-the-tests"] },
  jwks: configuration.jwks,
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  ttl: { AccessToken: 60, IdToken: 60, Interaction: 600, Session: 600, Grant: 600, AuthorizationCode: 60 },
  findAccount: (_, id) => people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
});

// The page on which people say who they are: a form with one field; "cancel" declines.
async function interact(request, response) {
  const details = await provider.interactionDetails(request, response);
  if (request.method === "GET" && details.prompt.name === "login") {
    response.setHeader("content-type", "text/html");
    return response.end(`<form method="post"><input name="who" autofocus><button>Đăng nhập</button></form>`);
  }
  if (details.prompt.name === "login") {
    let body = "";
    for await (const part of request) body += part;
    const who = new URLSearchParams(body).get("who");
    const result = people[who] ? { login: { accountId: who } } : { error: "access_denied", error_description: who };
    return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  }
  const grant = new provider.Grant({ accountId: details.session.accountId, clientId: details.params.client_id });
  grant.addOIDCScope(details.params.scope);
  const consent = { grantId: await grant.save() };
  return provider.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true });
}

const callback = provider.callback();
http
  .createServer((request, response) => {
    if (!request.url.startsWith("/interaction/")) return callback(request, response);
    interact(request, response).catch((error) => response.writeHead(500).end(String(error)));
  })
  .listen(port, "127.0.0.1", () => console.log(JSON.stringify({ issuer })));
process.stdin.resume().on("end", () => process.exit(0));
