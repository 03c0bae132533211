//! Every call of the published crate img_src against a running Pictor. IMGSRC_SERVER_URL says where it runs,
//! IMGSRC_API_KEY is a key; the argument is a picture. Prints one line for each call that worked.

use img_src::apis::{configuration::Configuration, images_api, presets_api, settings_api, usage_api};
use img_src::models::{
    CreatePresetRequest, CreateSignedUrlRequest, UpdatePresetRequest, UpdateSettingsRequest, UpdateVisibilityRequest,
};
use std::{collections::HashMap, env, error::Error, path::PathBuf};

fn step(name: &str) {
    println!("ok {name}");
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut config = Configuration::new();
    config.base_path = env::var("IMGSRC_SERVER_URL")?;
    config.bearer_access_token = Some(env::var("IMGSRC_API_KEY")?);
    let picture = PathBuf::from(env::args().nth(1).ok_or("no picture is named")?);

    let settings = settings_api::get_settings(&config).await?.settings;
    assert_eq!(settings.plan, "pro");
    step("get_settings");
    let mut wish = UpdateSettingsRequest::new();
    wish.default_quality = Some(85);
    assert_eq!(settings_api::update_settings(&config, Some(wish)).await?.settings.default_quality, 85);
    let mut wish = UpdateSettingsRequest::new();
    wish.default_quality = Some(settings.default_quality);
    settings_api::update_settings(&config, Some(wish)).await?;
    step("update_settings");

    let image = images_api::upload_image(&config, Some(picture.clone()), Some("rust/tests"), Some("public")).await?;
    assert_eq!(image.id, image.hash[..16]);
    assert!(image.is_new == Some(true) && image.paths.len() == 1 && image.visibility == "public");
    let again = images_api::upload_image(&config, Some(picture.clone()), Some("rust/more"), None).await?;
    assert!(again.id == image.id && again.is_new == Some(false) && again.paths.len() == 2);
    step("upload_image");

    let list = images_api::list_images(&config, Some(100), Some(0), Some("rust")).await?;
    assert!(list.images.iter().any(|i| i.id == image.id) && list.folders.len() == 2);
    step("list_images");
    let found = images_api::search_images(&config, "rust/tests", Some(10)).await?;
    assert!(found.results.iter().any(|i| i.id == image.id));
    step("search_images");
    assert_eq!(images_api::get_image(&config, &image.id).await?.metadata.hash, image.hash);
    step("get_image");

    for visibility in ["private", "public"] {
        let wish = UpdateVisibilityRequest::new(visibility.to_string());
        assert_eq!(images_api::update_visibility(&config, &image.id, wish).await?.visibility, visibility);
    }
    step("update_visibility");
    let mut wish = CreateSignedUrlRequest::new();
    wish.expires_in_seconds = Some(300);
    let signed = images_api::create_signed_url(&config, &image.id, Some(wish)).await?;
    assert!(signed.expires_in_seconds == 300 && signed.signed_url.contains("?sig="));
    assert_eq!(images_api::create_signed_url(&config, &image.id, None).await?.expires_in_seconds, 3600);
    step("create_signed_url");

    let params = HashMap::from([("w".to_string(), serde_json::json!(200)), ("fit".to_string(), serde_json::json!("cover"))]);
    let mut wish = CreatePresetRequest::new("rust-preset".to_string(), params);
    wish.description = Some("made by a test".to_string());
    let preset = presets_api::create_preset(&config, Some(wish)).await?;
    step("create_preset");
    assert!(presets_api::list_presets(&config).await?.presets.contains(&preset));
    step("list_presets");
    assert_eq!(presets_api::get_preset(&config, &preset.id).await?, preset);
    step("get_preset");
    let mut wish = UpdatePresetRequest::new();
    wish.description = Some("changed".to_string());
    let changed = presets_api::update_preset(&config, &preset.id, Some(wish)).await?;
    assert!(changed.description.as_deref() == Some("changed") && changed.params == preset.params);
    step("update_preset");
    assert!(presets_api::delete_preset(&config, "rust-preset").await?.success);
    step("delete_preset");

    assert!(usage_api::get_usage(&config).await?.total_images >= 1);
    step("get_usage");
    let path = again.paths[1].clone();
    let left = images_api::delete_image_path(&config, &settings.username, &path).await?;
    assert!(left.success && !left.image_deleted && left.remaining_paths == image.paths);
    step("delete_image_path");
    assert!(images_api::delete_image(&config, &image.id).await?.success);
    assert!(images_api::get_image(&config, &image.id).await.is_err());
    step("delete_image");
    step("all");
    Ok(())
}
