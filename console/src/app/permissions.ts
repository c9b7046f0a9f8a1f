/** What roles allow, in the API's words (`GET /api/v1/roles`), as far as the console asks for it. */
export const MAY = {
  handleAlerts: 'alerts:handle',
  writeWhitelist: 'whitelist:write',
  writePolicies: 'policies:write',
  writeCatalogue: 'catalogue:write',
  writeFleet: 'fleet:write',
  sendCommands: 'commands:send',
  writeSettings: 'settings:write',
  readOutputs: 'outputs:read',
  writeOutputs: 'outputs:write',
  manageUsers: 'users:manage',
  manageTokens: 'tokens:manage',
  readAuditLog: 'audit:read',
} as const;
