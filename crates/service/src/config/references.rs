//! Secrets of tools, channels and webhooks that are referred to and are not there.

use super::{ApiConfig, ChannelConfig, Config, Fault, Faults, McpServerConfig, Secret, WebhookConfig, headers};

impl Config {
    /// Checks that every secret of tools, channels and webhooks can be read here; for the process that serves them.
    ///
    /// # Errors
    /// The references that lead nowhere.
    pub fn check_tool_secrets(&self) -> Result<(), Faults> {
        let apis = self.apis.iter().flat_map(of_api);
        let channels = self.channels.iter().flat_map(of_channel);
        let servers = self.mcp_servers.iter().flat_map(of_server);
        let webhooks = self.webhooks.iter().flat_map(of_webhook);
        let all = apis.chain(channels).chain(servers).chain(webhooks);
        let faults: Vec<Fault> = all.filter_map(missing).collect();
        if faults.is_empty() { Ok(()) } else { Err(Faults(faults)) }
    }
}

fn missing((key, secret): (String, &Secret)) -> Option<Fault> {
    let error = secret.resolve().err()?;
    Some(Fault {
        origin: "the tools of this executor".to_owned(),
        key,
        reason: error.to_string(),
        fix: "put the secret there before starting, or take the reference out".to_owned(),
    })
}

fn of_api(api: &ApiConfig) -> Vec<(String, &Secret)> {
    let at = format!("apis[{}]", api.name);
    let auth = api.auth.iter().flat_map(|auth| auth.secrets());
    let mut found: Vec<_> = auth.map(|(key, secret)| (format!("{at}.auth.{key}"), secret)).collect();
    let own = headers::secrets(&api.headers);
    found.extend(own.map(|(name, secret)| (format!("{at}.headers.{name}"), secret)));
    for endpoint in &api.endpoints {
        let own = headers::secrets(&endpoint.headers);
        let at = format!("{at}.endpoints[{}]", endpoint.name);
        found.extend(own.map(|(name, secret)| (format!("{at}.headers.{name}"), secret)));
    }
    found
}

fn of_server(server: &McpServerConfig) -> Vec<(String, &Secret)> {
    let at = format!("mcp_servers[{}]", server.name);
    let auth = server.auth.iter().flat_map(|auth| auth.secrets());
    let auth = auth.map(|(key, secret)| (format!("{at}.auth.{key}"), secret));
    let sent = headers::secrets(&server.headers).map(|(name, secret)| (format!("{at}.headers.{name}"), secret));
    let given = headers::secrets(&server.env).map(|(name, secret)| (format!("{at}.env.{name}"), secret));
    auth.chain(sent).chain(given).collect()
}

fn of_channel(channel: &ChannelConfig) -> Vec<(String, &Secret)> {
    let at = format!("channels[{}]", channel.name);
    let secret = channel.secret.iter().map(|secret| (format!("{at}.secret"), secret));
    let auth = channel.auth.iter().flat_map(|auth| auth.secrets());
    let auth = auth.map(|(key, secret)| (format!("{at}.auth.{key}"), secret));
    let own = headers::secrets(&channel.headers);
    let own = own.map(|(name, secret)| (format!("{at}.headers.{name}"), secret));
    secret.chain(auth).chain(own).collect()
}

fn of_webhook(webhook: &WebhookConfig) -> impl Iterator<Item = (String, &Secret)> {
    let at = format!("webhooks[{}].secrets", webhook.name);
    webhook.secrets.iter().map(move |secret| (at.clone(), secret))
}
